"""Known attacks, one small script each: its story, the attack, and what must come of it."""
