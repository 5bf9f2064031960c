"""The console: static web pages, and the sessions of their users."""
