"""Tools for the open web that crawl and fetch share: addresses, permissions, charsets, the network."""
