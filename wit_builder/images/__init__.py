"""From bytes of the web to one clean picture: `process.process(body, spec)`."""
