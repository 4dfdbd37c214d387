"""`python -m recs`: the command line."""

from recs.cli import main

if __name__ == "__main__":
    main()
