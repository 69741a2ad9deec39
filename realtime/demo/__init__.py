"""`manage.py demo`: people who register, write, publish and delete, for whoever wants to see the dashboard alive."""
