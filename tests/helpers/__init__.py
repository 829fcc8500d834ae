"""What helps tests: random networks and their files, the zoo, and commands run as processes."""
