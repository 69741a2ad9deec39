"""Who they are, and what they write. All of it is made up."""

# fmt: off
NAMES = (
    "ada", "amir", "anouk", "bela", "bram", "carla", "chidi", "cleo", "dana", "diego", "edda", "elif", "emil",
    "fatou", "finn", "greta", "hana", "hugo", "ida", "ines", "ivo", "jana", "jonas", "kaito", "karin", "lara",
    "leon", "lina", "malik", "mara", "mika", "nadia", "nils", "noor", "olga", "omar", "pia", "rafa", "rosa",
    "sami", "selma", "taro", "tilda", "ugo", "vera", "yuki", "zoe",
)
# fmt: on
TITLES = (
    "Minutes of the meeting",
    "Opening hours in spring",
    "The bicycle shed, again",
    "How we water the plants",
    "A walk along the canal",
    "Recipes for a rainy day",
    "What the neighbours said",
    "Lost: one red glove",
    "Found: one red glove",
    "The printer speaks up",
    "Notes on a quiet week",
    "Who moved the ladder?",
    "Seven ways to fold a map",
    "The library is open late",
    "Soup on Thursdays",
    "A letter to the caretaker",
    "Our first harvest",
    "The choir needs a tenor",
    "Snow on the last day",
    "Tools that are still missing",
    "A plan for the courtyard",
    "Things to fix before winter",
    "The clock is five minutes late",
    "Thanks to all who helped",
)
BODIES = (
    "More about it when we meet.",
    "Nobody was surprised, and nobody had planned it.",
    "It took longer than we thought, and was worth it.",
    "Please tell everyone who might want to know.",
    "There is cake.",
)
