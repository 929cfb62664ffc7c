"""What is seen from outside the instance: DNS, and certificates."""
