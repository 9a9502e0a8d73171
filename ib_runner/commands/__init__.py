"""What each command line does, once the stage word is known."""
