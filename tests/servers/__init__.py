"""Real servers for the tests: private processes on free ports of 127.0.0.1, gone when the tests are."""
