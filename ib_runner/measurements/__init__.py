"""What is measured at a checkpoint, a table each."""
