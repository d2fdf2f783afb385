"""Building blocks that networks share or that have maths of their own."""
