"""The page in a browser.  A package, so that pytest ends its browser before whatever is tested after it."""
