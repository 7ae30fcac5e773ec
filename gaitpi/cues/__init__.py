"""What the runner hears and sees: the vocabulary, the outputs and the player."""
