"""What will it take? Pairs, bytes, core-hours, days, disk and money, from a sample that is really fetched."""
