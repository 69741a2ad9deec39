"""What we are compared with: a Channels consumer as tutorials write it. A group, and a message for each alert."""
