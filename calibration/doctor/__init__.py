"""Shows that each check of the doctor finds the fault it is for."""
