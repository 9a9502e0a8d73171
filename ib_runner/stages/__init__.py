"""The stages of the command line, such as ``train`` and ``measure``, each in a file of its name."""
