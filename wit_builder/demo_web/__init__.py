"""A website of our own with known outcome: pages, pictures, defects, truth and eval sets."""
