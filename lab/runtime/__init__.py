"""What an exercise runs on: processes, where they meet, and where what happens is recorded."""
