"""One pool of pairs under the rules of several presets: what each keeps, what they share, what they drop for."""
