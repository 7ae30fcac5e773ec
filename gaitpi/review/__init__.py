"""What a run says afterwards, from the tables of its file alone."""
