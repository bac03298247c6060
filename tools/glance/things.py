"""The things glance knows: emoji with short plain names, shapes, and plain colours.

Names come from CLDR's English annotations (Debian: unicode-cldr-core). Where CLDR's name is long or
reads oddly in a sentence ("ear of corn", "automobile"), the table overrides it: `🌽=corn`.
"""

import xml.etree.ElementTree as ElementTree

CLDR = "/usr/share/unicode/cldr/common/annotations/en.xml"

EMOJI = """
🐒 🦍 🐶=dog 🐺 🦊 🦝 🐱=cat 🦁 🐯=tiger 🐆 🐴=horse 🦄 🦓 🦌 🐮=cow 🐷=pig 🐑=sheep 🐐 🐫=camel 🦙 🦒 🐘
🦏=rhino 🦛=hippo 🐭=mouse 🐹 🐰=rabbit 🐿=squirrel 🦫 🦔 🦇 🐻 🐨 🐼 🦥 🦦 🦨 🦘 🦃 🐔 🐦 🐧 🕊
🦅 🦆 🦢 🦉 🪶 🦩 🦚 🦜 🐸 🐊 🐢 🦎 🐍 🐲=dragon 🦕=dinosaur 🐳=whale 🐬 🦭 🐟 🐠 🐡 🦈 🐙 🐚=shell 🐌 🦋
🐛=caterpillar
🐜 🐝=bee 🪲 🐞=ladybug 🕷 🕸 🦂 🦟
💐 🌸 🌹 🌺 🌻 🌼=daisy 🌷 🌱 🪴 🌲=pine tree 🌳=tree 🌴 🌵 🍀=clover 🍁
🍇=bunch of grapes 🍈 🍉 🍊 🍋 🍌 🍍 🥭 🍎=apple 🍐 🍑 🍒=cherry 🍓 🫐=blueberry 🥝=kiwi 🍅 🫒 🥥 🥑 🍆 🥔 🥕
🌽=corn cob 🌶=chili pepper
🫑 🥒 🥦=broccoli 🧄=garlic bulb 🧅 🍄 🥜=peanut 🌰 🍞=loaf 🥐 🥨 🥞=pancake 🧇 🧀=cheese 🍗=chicken leg
🍔 🍟=box of fries 🍕 🌭 🥪 🌮 🌯 🥚 🍳=fried egg 🍿=popcorn box 🍙 🍜=noodle bowl
🍝=plate of spaghetti 🍣 🍤 🥠 🦀 🦞 🦑 🍦=ice cream cone 🍩=donut 🍪 🎂=birthday cake
🍰=slice of cake 🧁 🥧 🍫 🍬 🍭
🍯 🍼 🥛 ☕=coffee cup 🫖 🍵=tea cup 🍷 🍸 🍺 🥤=soda cup 🧋 🧊=ice cube 🥄
🔪=knife 🌍=globe 🗺 🧭 🏔=mountain 🌋 🏝 🏛=temple 🪵=log 🏠 🏭 🏰 🗼=tower
⛪ ⛲ ⛺ 🎠 🎡 🎢 🎪
🚂 🚆 🚌 🚑 🚒=fire truck 🚓 🚕 🚗=car 🚚=truck 🚜 🏎 🏍 🛵=scooter 🚲 🛹 🛼 ⛽ 🚦=traffic light 🛑 ⚓ ⛵ 🛶
🚤 🚢 ✈ 🪂 🚁 🚀 🛸 🧳=suitcase ⏳=hourglass ⌚ ⏰ ☀ 🪐=planet 🌙=moon ☁ 🌧=rain cloud
⚡=lightning bolt
🌪 🌈 ☂ ❄ ☃ ☄ 🔥=flame 💧
🎃=pumpkin 🎄 🎈 🎉 🎀=bow 🎁=gift 🏆 🥇=gold medal ⚽ 🏀 🏈=football 🎾=tennis ball 🎳=bowling pin
🏒=hockey stick
🏓=paddle 🥊 ⛳=golf flag ⛸ 🎣 🤿 🛷 🎯=dartboard 🪀 🪁 🎱=pool ball 🔮 🪄 🎮=game controller 🕹
🎲=die 🧩 🧸 🪆=nesting doll 🎨=palette 🧵=thread spool 🧶=ball of yarn 👓=pair of glasses
🕶=pair of sunglasses
🦺=vest 👔=necktie 👕=shirt 👖=pair of jeans 🧣 🧤=glove 🧦=sock 👗 👙 👜 🎒 👟=sneaker
🥾=boot 👠=high heel 👑 👒=sun hat 🎩 🎓=graduation cap 🧢=cap 💄 💍=diamond ring 💎=gem 📢 🔔 🎤
🎧=headphone
📻 🎷 🪗 🎸 🎹=piano 🎺 🎻 🪕 🥁
📱=phone 🔋 🔌=plug 💻 ⌨ 💿=disc 🧮 📺 📷 🔍=magnifier 🕯 💡 🔦 📖=book 📰
💰 🪙 💵=banknote 💳 ✉ 📦=box ✏ 🖌 📊=chart 📌 📎 ✂=pair of scissors 🔒=lock 🔑 🔨
🪓 ⚔=pair of swords 🏹=bow and arrow 🛡 🔧 ⚙ 🧲 🧪 🧬 🔬 🔭 💉 💊 🩺 🚪 🪟 🛏 🪑
🚽 🛁 🧹 🪣 🧼=bar of soap 🪥 🧯 🛒
💀 👻 👽 🤖 🎅=santa claus 👶 🧙=wizard 🧜=mermaid 👸 😀=smiling face 😢 😡=angry face 😴 🤡=clown
👋=hand 👀=pair of eyes 👃 🦷 🦴 🧠 👄
"""

SHAPES = ["circle", "square", "triangle", "star", "heart", "diamond", "hexagon", "oval", "rectangle",
          "cross", "crescent", "arrow"]

# Plain colours; the generator jitters them a little.
COLORS = {
    "red": (220, 30, 35), "orange": (250, 135, 15), "yellow": (250, 220, 30), "green": (35, 155, 60),
    "blue": (35, 75, 215), "purple": (130, 45, 170), "pink": (250, 135, 185), "brown": (120, 72, 32),
    "black": (18, 18, 20), "white": (250, 250, 250), "gray": (130, 130, 132),
}

_IRREGULAR = {"mouse": "mice", "wolf": "wolves", "sheep": "sheep", "deer": "deer", "fish": "fish", "goose": "geese",
              "die": "dice", "knife": "knives", "loaf": "loaves", "leaf": "leaves", "foot": "feet", "tooth": "teeth",
              "policeman": "policemen", "snowman": "snowmen", "ox": "oxen", "bison": "bison", "squid": "squid",
              "sushi": "sushi", "dna": "dna", "shrimp": "shrimp", "broccoli": "broccoli", "blowfish": "blowfish",
              "cheese": "cheeses", "mango": "mangoes", "tomato": "tomatoes", "potato": "potatoes",
              "scarf": "scarves", "moai": "moai", "santa": "santas"}


def plural(name: str) -> str:
    """English plural of a thing's name: "box of fries" -> "boxes of fries"."""
    if " of " in name:
        head, tail = name.split(" of ", 1)
        return plural(head) + " of " + tail
    if name == "bow and arrow":
        return "bows and arrows"
    head, _, last = name.rpartition(" ")
    head = head + " " if head else ""
    if last in _IRREGULAR:
        return head + _IRREGULAR[last]
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return head + last + "es"
    if last.endswith("y") and last[-2] not in "aeiou":
        return head + last[:-1] + "ies"
    return head + last + "s"


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    odd = phrase.startswith(("uni", "one", "ukulele", "euro"))
    return ("an " if phrase[0] in "aeiou" and not odd else "a ") + phrase


def cldr_names(path: str = CLDR) -> dict[str, str]:
    """Text-to-speech name of every single-codepoint emoji, lower case."""
    names = {}
    for node in ElementTree.parse(path).getroot().iter("annotation"):
        if node.get("type") == "tts":
            names[node.get("cp").replace("\ufe0f", "")] = node.text.lower()
    return names


def load_things() -> list[tuple[str, str]]:
    """(emoji character, name) of every thing, in the table's order; names are unique."""
    names = cldr_names()
    things = []
    for entry in " ".join(EMOJI.split()).replace(" =", "=").split(" "):
        char, _, name = entry.partition("=")
        things.append([char, name]) if ord(char[0]) > 0x2000 else things[-1].__setitem__(1, things[-1][1] + " " + entry)
    result = [(char, name or names[char]) for char, name in things]
    assert len({name for _, name in result}) == len(result), "two things share a name"
    return result


if __name__ == "__main__":
    table = load_things()
    print(len(table), "; ".join(f"{char} {name}/{plural(name)}" for char, name in table))
