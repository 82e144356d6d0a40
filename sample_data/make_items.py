"""Write items.jsonl and heldout.jsonl: everyday multiple-choice questions, put together here.

Every fact is asked in several wordings, each with other wrong options. A wording of a fact goes
either to items.jsonl (which the simulated crowd labels) or to heldout.jsonl (which nobody labels),
so a model scores well on the second only if it learned the facts and not the questions.

    python sample_data/make_items.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
N_ITEMS = 1500
N_HELDOUT = 300
N_OPTIONS = 4

# topic -> (wordings with {} for the subject, subject -> answer)
FACTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "capital": (
        [
            "What is the capital of {}?",
            "Which city is the capital of {}?",
            "The government of {} sits in which city?",
            "Name the capital city of {}.",
            "{} is governed from which city?",
            "In which city is the parliament of {}?",
            "You visit the capital of {}. Where are you?",
            "Which of these cities is the seat of government in {}?",
        ],
        {
            "France": "the city of Paris",
            "Italy": "the city of Rome",
            "Spain": "the city of Madrid",
            "Portugal": "the city of Lisbon",
            "Austria": "the city of Vienna",
            "Greece": "the city of Athens",
            "Norway": "the city of Oslo",
            "Sweden": "the city of Stockholm",
            "Finland": "the city of Helsinki",
            "Poland": "the city of Warsaw",
            "Hungary": "the city of Budapest",
            "Ireland": "the city of Dublin",
            "Japan": "the city of Tokyo",
            "Egypt": "the city of Cairo",
            "Kenya": "the city of Nairobi",
            "Peru": "the city of Lima",
            "Chile": "the city of Santiago",
            "Cuba": "the city of Havana",
            "Canada": "the city of Ottawa",
            "Thailand": "the city of Bangkok",
        },
    ),
    "young": (
        [
            "What is a young {} called?",
            "The young of a {} is known as what?",
            "Which word names the baby of a {}?",
            "A {} has given birth. What has it got?",
            "What do we call the child of a {}?",
            "Name the young animal whose mother is a {}.",
            "A baby {} goes by which name?",
            "A farmer speaks of the little one of a {}. Which word does she use?",
        ],
        {
            "dog": "a small puppy",
            "cat": "a small kitten",
            "cow": "a young calf",
            "sheep": "a young lamb",
            "horse": "a young foal",
            "goat": "a little kid",
            "hen": "a little chick",
            "duck": "a yellow duckling",
            "goose": "a grey gosling",
            "frog": "a swimming tadpole",
            "bear": "a playful cub",
            "deer": "a spotted fawn",
            "kangaroo": "a tiny joey",
            "swan": "a grey cygnet",
            "pig": "a pink piglet",
            "owl": "a fluffy owlet",
            "eel": "a slim elver",
            "hare": "a shy leveret",
        },
    ),
    "home": (
        [
            "Where does a {} live?",
            "What is the home of a {}?",
            "You are looking for a {}. Where do you look?",
            "A {} sleeps in which place?",
            "Which place does a {} call home?",
            "Where would you find the dwelling of a {}?",
            "In which place does a {} bring up its young?",
            "The {} is tired and goes home. Where does it go?",
        ],
        {
            "bee": "inside a hive",
            "spider": "upon its web",
            "rabbit": "down a burrow",
            "beaver": "under a lodge",
            "squirrel": "up in a drey",
            "badger": "deep in a sett",
            "lion": "inside a den",
            "eagle": "high on an eyrie",
            "ant": "below an anthill",
            "snail": "within its shell",
            "bat": "at the cave roof",
            "pigeon": "in a dovecote",
            "otter": "by the holt",
            "trout": "along the stream",
            "camel": "across the desert",
            "penguin": "on the ice",
        },
    ),
    "tool": (
        [
            "What does a {} use at work?",
            "Which tool belongs to a {}?",
            "A {} has forgotten a tool. Which one is it?",
            "You are training as a {}. What will you hold most?",
            "What lies on the bench of a {}?",
            "Which thing could a {} not work without?",
            "A {} reaches for a tool. What is it?",
            "Which present would help a {} at work?",
        ],
        {
            "carpenter": "a sharp saw",
            "painter": "a wide brush",
            "tailor": "a fine needle",
            "barber": "a pair of scissors",
            "baker": "a hot oven",
            "fisher": "a long net",
            "gardener": "a strong spade",
            "doctor": "a stethoscope",
            "mason": "a flat trowel",
            "smith": "an iron anvil",
            "writer": "a good pen",
            "cook": "a deep pan",
            "farmer": "a heavy plough",
            "miner": "a steel pick",
            "potter": "a turning wheel",
            "sailor": "a true compass",
            "weaver": "a wooden loom",
            "conductor": "a light baton",
        },
    ),
    "opposite": (
        [
            "What is the opposite of {}?",
            "Which word means the contrary of {}?",
            "Something is not {}. What is it then?",
            "Turn {} into its contrary.",
            "{} is to one side as what is to the other?",
            "Which of these is least like {}?",
            "She said {}, he said the reverse. What did he say?",
            "Which word would you find facing {} in a list of contraries?",
        ],
        {
            "hot": "freezing cold",
            "big": "rather small",
            "fast": "quite slow",
            "old": "brand new",
            "dark": "full of light",
            "wet": "wholly dry",
            "hard": "very soft",
            "loud": "perfectly quiet",
            "rich": "utterly poor",
            "high": "down low",
            "early": "much too late",
            "empty": "filled up",
            "sweet": "plainly bitter",
            "strong": "rather weak",
            "happy": "deeply sad",
            "thick": "paper thin",
            "wide": "very narrow",
            "brave": "easily scared",
        },
    ),
    "made": (
        [
            "What is {} made from?",
            "Which thing do you need to make {}?",
            "{} begins as what?",
            "From what do people get {}?",
            "You want to make {}. What do you buy first?",
            "Which of these is turned into {}?",
            "What is the source of {}?",
            "Without which thing would there be no {}?",
        ],
        {
            "bread": "ground wheat",
            "cheese": "fresh milk",
            "wine": "ripe grapes",
            "paper": "wood pulp",
            "glass": "melted sand",
            "wool": "the fleece of sheep",
            "honey": "flower nectar",
            "silk": "a worm's cocoon",
            "chocolate": "cocoa beans",
            "leather": "an animal's hide",
            "cider": "pressed apples",
            "rubber": "the sap of a tree",
            "steel": "iron and carbon",
            "linen": "stalks of flax",
            "tofu": "soya beans",
            "candles": "soft wax",
        },
    ),
}


def wordings() -> list[tuple[str, str, str, list[str]]]:
    """(topic, question, answer, the topic's other answers) for every wording of every fact."""
    return [
        (topic, wording.format(subject), answer, [a for a in facts.values() if a != answer])
        for topic, (templates, facts) in FACTS.items()
        for subject, answer in facts.items()
        for wording in templates
    ]


def items(rng: random.Random, asked: list[tuple[str, str, str, list[str]]], n: int, prefix: str):
    """N items over the given wordings, each wording used as often as any other."""
    width = len(str(n - 1))
    for i in range(n):
        if i % len(asked) == 0:
            order = rng.sample(asked, len(asked))
        topic, question, answer, others = order[i % len(asked)]
        options = [answer, *rng.sample(others, N_OPTIONS - 1)]
        rng.shuffle(options)
        yield {
            "item_id": f"{prefix}-{i:0{width}d}",
            "text": question,
            "options": options,
            "gold": answer,
            "topic": topic,
        }


def main() -> None:
    """Write both files."""
    rng = random.Random(7)
    asked = rng.sample(wordings(), len(wordings()))
    n_heldout = len(asked) // 6
    for name, part, n, prefix in (
        ("items.jsonl", asked[n_heldout:], N_ITEMS, "q"),
        ("heldout.jsonl", asked[:n_heldout], N_HELDOUT, "h"),
    ):
        lines = [json.dumps(item, ensure_ascii=False) for item in items(rng, part, n, prefix)]
        (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{name}: {n} items over {len(part)} wordings")


if __name__ == "__main__":
    main()
