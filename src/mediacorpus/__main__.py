"""`python -m mediacorpus` is the command line."""

from mediacorpus.cli import main

if __name__ == "__main__":
    main()
