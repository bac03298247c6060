"""Paraphrases of every kind of question. {x}: "the dog", {p}: "dogs", {a}: "a dog", {n}: "dog"."""

import random


def _lines(block: str) -> list[str]:
    return [line.strip() for line in block.strip().splitlines() if line.strip()]


DESCRIBE = _lines("""
    Describe this image.\nDescribe the picture.\nDescribe this picture.\nDescribe the image.\nWhat is in this image?
    What is in the picture?\nWhat's in this picture?\nWhat do you see?\nWhat can you see in this image?\nWhat does this image show?
    What does the picture show?\nWhat is shown here?\nTell me about this picture.\nTell me what you see.\nCaption this image.
    Write a caption for this picture.\nGive a short description of the image.\nSummarize the picture.\nExplain what is in the image.
    What is happening in this picture?\nWhat's going on here?\nDescribe the scene.\nDescribe what you see in the picture.
    What is this picture of?\nWhat is this a picture of?\nShow me what you can see.\nPlease describe this photo.\nDescribe this photo.
    Describe\nCaption\nWhat's in this photo?\nWhat is in this photo?\nWhat do you see in this image?\nDescribe the image in one sentence.
    In one sentence, what is in the picture?\nGive me a brief description.\nWhat is depicted here?\nWhat do we have here?
""")
DETAIL = _lines("""
    Describe this image in detail.\nDescribe the picture in detail.\nGive a detailed description of the image.
    Write a detailed description of this picture.\nDescribe everything you see.\nDescribe everything in the picture and where it is.
    What is in the picture, and where?\nDescribe the layout of the picture.\nDescribe the scene in detail.\nTell me everything about this image.
    Describe the image with positions.\nList what you see and where it is.\nExplain the picture in detail.\nGive me the full description.
    Where is everything in this picture?\nDescribe the objects and their positions.\nWhat is where in this image?
    Please give a long description.\nDescribe this photo in detail.\nProvide a detailed caption.\nCan you describe the image thoroughly?
""")
NAME = _lines("""
    What is this?\nWhat object is this?\nName this object.\nName the object.\nWhat is the object in the picture?\nWhat thing is this?
    What object is shown?\nWhich object do you see?\nIdentify the object.\nWhat is the main object?\nCan you name this?\nWhat do you call this?
    What object is in the image?\nWhat is the thing in the picture?\nName the thing you see.\nIdentify this.\nRecognize the object.
    What is shown in the picture?\nWhat kind of object is this?\nWhat is it?\nTell me what this is.\nWhich thing is in the photo?
""")
OBJECTS = _lines("""
    What objects are there?\nWhich objects do you see?\nList the objects.\nList all objects in the image.\nName the objects in the picture.
    What things are in the picture?\nWhat objects are in this image?\nName everything you see.\nWhich things can you see?\nWhat items are shown?
    List the things in this photo.\nIdentify the objects.\nWhat are the objects in the picture?\nGive me a list of objects.\nEnumerate the objects.
    Tell me which objects are in the picture.\nWhat can be seen in the picture?\nWhich items are there?\nName all the items.\nWhat are these things?
    What are these?\nName all objects.\nWhat objects can you see?\nDetect the objects in this image.
""")
WHERE = _lines("""
    Where is {x}?\nWhere in the picture is {x}?\nWhere can I find {x}?\nIn which part of the image is {x}?\nWhat is the position of {x}?
    Where is {x} located?\nIn what part of the picture is {x}?\nWhere do you see {x}?\nTell me where {x} is.\nLocate {x}.\nFind {x}.
    Point out {x}.\nWhere's {x}?\nWhich part of the image has {x}?\nWhat is the location of {x}?\nOn which side is {x}?\nWhere in the image is {x}?
    In which corner is {x}?\nGive the position of {x}.\nCan you find {x}?\nWhere would I look for {x}?\nShow me where {x} is.
""")
RELATIVE = _lines("""
    Where is {x} relative to {y}?\nWhere is {x} compared to {y}?\nWhat is the position of {x} relative to {y}?\nHow is {x} placed relative to {y}?
    On which side of {y} is {x}?\nWhere is {x} with respect to {y}?\nWhere is {x} in relation to {y}?\nWhat is the relation between {x} and {y}?
    How are {x} and {y} arranged?\nLooking from {y}, where is {x}?\nIn which direction from {y} is {x}?\nStarting at {y}, where is {x}?
    Tell me where {x} is relative to {y}.\nDescribe the position of {x} relative to {y}.\nSeen from {y}, where is {x}?
    What is the spatial relation of {x} to {y}?\nIs {x} left of, right of, above or below {y}?\nWhere does {x} lie relative to {y}?
    Where is {x} positioned relative to {y}?\nWhich way is {x} from {y}?\nCompared with {y}, where is {x}?
    Is {x} above, below, left of or right of {y}?
""")
CHOICE_X = _lines("""
    Is {x} to the left or to the right of {y}?\nIs {x} left or right of {y}?\nLeft or right: where is {x} relative to {y}?
    Is {x} on the left or the right of {y}?\nIs {x} to the right or to the left of {y}?\nOn which side of {y} is {x}, left or right?
""")
CHOICE_Y = _lines("""
    Is {x} above or below {y}?\nIs {x} below or above {y}?\nAbove or below: where is {x} relative to {y}?\nIs {x} over or under {y}?
    Is {x} higher or lower than {y}?\nDoes {x} sit above or below {y}?
""")
IS_RELATION = _lines("""
    Is {x} {r} {y}?\nIs {x} {r} {y} in the picture?\nTrue or false: {x} is {r} {y}.\nCan you confirm that {x} is {r} {y}?\nDo you see {x} {r} {y}?
    Is it true that {x} is {r} {y}?\nWould you say {x} is {r} {y}?\nIn the image, is {x} {r} {y}?\nCheck whether {x} is {r} {y}.\nYes or no: is {x} {r} {y}?
""")
AT_CELL = _lines("""
    What is {w}?\nWhat is {w} of the picture?\nWhich object is {w}?\nWhat object is {w} of the image?\nWhat do you see {w}?\nWhat thing is {w}?
    Name the object {w}.\nWhat can you see {w}?\nWhich thing is {w}?\nTell me what is {w}.\nIdentify the object {w}.\nWhat's {w}?
    Look {w}: what is there?\nWhat is located {w}?\nWhat is placed {w}?\nWhat is shown {w}?\nWhat item is {w}?\nDescribe what is {w}.
    Which item is {w} of the image?\nWhat appears {w}?
""")
COUNT = _lines("""
    How many {p} are there?\nHow many {p} do you see?\nHow many {p} are in the picture?\nCount the {p}.\nHow many {p} can you see?
    What is the number of {p}?\nHow many {p} are shown?\nHow many {p} are in this image?\nCount how many {p} there are.\nNumber of {p}?
    Tell me how many {p} there are.\nHow many {p}?\nGive the number of {p}.\nCan you count the {p}?\nPlease count the {p}.\nWhat is the count of {p}?
    How many {p} does the picture show?\nHow many {p} appear in the image?\nHow many {p} are visible?\nHow many {p} are here?
    In this picture, how many {p} are there?\nState the number of {p}.
""")
COUNT_ALL = _lines("""
    How many objects are there?\nHow many things are in the picture?\nCount the objects.\nHow many objects do you see?\nHow many items are shown?
    How many objects are in this image?\nWhat is the total number of objects?\nCount everything.\nHow many things can you see?\nNumber of objects?
    How many items are there in total?\nGive the total count of objects.\nCount all the objects in the picture.\nHow many objects in all?
""")
COLOR = _lines("""
    What color is {x}?\nWhat colour is {x}?\nWhich color is {x}?\nWhich colour is {x}?\nWhat is the color of {x}?\nWhat is the colour of {x}?
    What color does {x} have?\nTell me the color of {x}.\nName the color of {x}.\nThe color of {x}?\nWhich color does {x} have?\nGive the color of {x}.
    What colour does {x} have?\nIn which color is {x} drawn?\nCan you tell the color of {x}?\nWhat color do you see on {x}?\nIdentify the color of {x}.
    {x}: what color?\nWhat shade is {x}?\nHow is {x} colored?\nWhat's the color of {x}?\nIn what color is {x}?
""")
COLOR_MANY = _lines("""
    What color are {x}?\nWhat colour are {x}?\nWhich color are {x}?\nWhat is the color of {x}?\nTell me the color of {x}.\nWhich colour are {x}?
    What is the colour of {x}?\nName the color of {x}.\nGive the color of {x}.\nIn which color are {x} drawn?\nWhat color do {x} have?
""")
WHICH_COLOR = _lines("""
    Which object is {c}?\nWhat is {c}?\nWhat object is {c}?\nWhich thing is {c}?\nName the {c} object.\nWhat is the {c} object?\nWhat thing is {c}?
    Find the {c} object.\nWhat is the {c} thing?\nIdentify the {c} object.\nWhat {c} object is there?\nWhich item is {c}?\nTell me what the {c} object is.
""")
READ = _lines("""
    Read the text.\nWhat does the text say?\nWhat does it say?\nWhat text is in the image?\nWhat is written here?\nWhat is written in the picture?
    Read the text in the picture.\nTranscribe the text.\nWhat does the picture say?\nRead it.\nWhat text do you see?\nOCR\nExtract the text.
    Which text is shown?\nRead this for me.\nWhat is the text?\nCan you read the text?\nCan you read this?\nWhat words are in the image?
    Write down the text.\nPlease read the text in this image.\nTranscribe what is written.\nTell me what the text says.\nGive me the text.
    What does the writing say?\nWhat is the text in the image?\nRead the words.\nRead what is written.\nWhat does this say?\nPerform OCR on this image.
""")
READ_WORD = _lines("""
    What word is this?\nWhat word is shown?\nWhich word do you see?\nRead the word.\nWhat is the word?\nWhich word is in the image?\nWhat word is written?
    What is the word in the picture?\nTell me the word.\nWhat does the word say?\nWhich word is written here?\nSpell the word.
    What word can you read?\nWrite down the word.\nTranscribe the word.\nGive me the word in the picture.
""")
READ_NUMBER = _lines("""
    What number is this?\nWhat number is shown?\nWhich number do you see?\nRead the number.\nWhat is the number?\nWhich number is in the image?
    What number is written?\nWhat is the number in the picture?\nTell me the number.\nWhich number is written here?\nWhat digits do you see?
    Write down the number.\nTranscribe the number.\nWhat number can you read?\nGive me the number in the picture.\nRead the digits.
""")
EXISTS = _lines("""
    Is there {a}?\nIs there {a} in the picture?\nDo you see {a}?\nCan you see {a}?\nIs there {a} in this image?\nDoes the picture show {a}?
    Is {a} in the picture?\nDoes the image contain {a}?\nIs there any {n}?\nAre there any {p}?\nDo you see any {p}?\nIs {a} visible?
    Can you find {a}?\nDoes this picture have {a}?\nIs {a} shown here?\nTell me if there is {a}.\nAre there {p} in the image?\nIs there {a} here?
    Check if there is {a}.\nYes or no: is there {a}?\nDo any {p} appear in the picture?\nHave you spotted {a}?
""")
HAS_TEXT = _lines("""
    Is there any text?\nIs there text in the image?\nDoes the picture contain text?\nIs anything written here?\nDo you see any text?\nAre there any words?
    Is there any writing in the picture?\nDoes the image have text in it?\nCan you see text?\nIs something written in the picture?
""")
BACKGROUND = _lines("""
    What is the background?\nWhat does the background look like?\nDescribe the background.\nWhat kind of background is it?\nHow is the background?
    What background does the picture have?\nTell me about the background.\nWhat is behind the objects?\nIs the background plain?\nWhat's in the background?
""")
BACKGROUND_COLOR = _lines("""
    What color is the background?\nWhat colour is the background?\nWhich color is the background?\nWhat is the background color?
    What is the color of the background?\nTell me the background color.\nBackground color?\nName the color of the background.
    Which colour does the background have?\nWhat background color do you see?\nGive the background color.
""")
MORE = _lines("""
    Are there more {p} than {q}?\nDo you see more {p} than {q}?\nAre the {p} more numerous than the {q}?\nIs the number of {p} larger than the number of {q}?
    More {p} than {q}?\nDoes the picture show more {p} than {q}?
""")
BIGGER = _lines("""
    Which is bigger, {x} or {y}?\nWhat is larger, {x} or {y}?\nWhich one is bigger: {x} or {y}?\nWhich is larger, {x} or {y}?\nIs {x} or {y} bigger?
""")
JSON = _lines("""
    Extract the entities, context and relationships as JSON.\nReturn a JSON object with entities, context and relationships.
    Extract the photo as JSON.\nGive me JSON with entities, context and relationships.\nDescribe this picture as JSON.\nDescribe the image as a JSON object.
    Output JSON.\nAnswer in JSON.\nList the entities as JSON.\nExtract structured data from this image.\nExtract structured data as JSON.\nPhoto extraction.
    Analyze the photo and return JSON.\nReturn JSON.\nJSON\nProduce a JSON description with entities, context, relationships.
    Extract entities, context and relationships from this photo.\nGive the structured description of the image as JSON.
    Turn this picture into a JSON object with the keys "entities", "context" and "relationships".\nWhat is in this picture? Answer as JSON.
    Extract all entities with name, count and color, the context, and the relationships. Reply with JSON only.
    Return only a JSON object: entities (name, count, color), context, relationships.\nIndex this photo as JSON.\nPhoto metadata as JSON, please.
    Respond with a JSON object describing the entities, their context and relationships.\nCreate a JSON record for this photo.
    You are a photo indexer. Return JSON with entities, context and relationships.\nTag this photo. Return JSON.\nDescribe the photo in JSON format.
    Please extract the objects in this image in JSON format.\nDo the photo extraction job.\nFill in {"entities": [], "context": "", "relationships": []}.
""")
ODD = _lines("""
    Hmm.\nGo on.\nOk.\nAnything else?\nWrite a story about this.\nWhat do you think?\nIs this real?\nWhat mood is this?\nTell me something.\nAnd now?\nHelp me.
    What should I do with this?\nMake a poem.\nWhy?\nInteresting!\nLook at this!\nI found this picture.\nHere is a photo.\nWhat is the meaning of this?
    Do you like it?\nWho made this?\nWhen was it taken?\n?\nLook.\nCheck this out.\nRate this picture.\nIs this a good photo?\nTranslate this.\nThoughts?
    Use the image.\nWhat would you title it?\nComment on the photo.\nWhat is the weather like?\nHow old is it?\nAnalyze this image.\nAnalyze.\nInspect this.
""")
SHORT = _lines("""
    Answer with one word.\nAnswer briefly.\nOne word answer.\nBe brief.\nShort answer.\nAnswer in one word.\nReply with a single word or number.\nJust the answer.
    Keep it short.\nAnswer using a single word or phrase.
""")
SYSTEM = _lines("""
    You are glance, a small vision model.\nYou look at pictures and answer questions.\nAnswer the user's questions about the image.
    You are a careful assistant.\nBe concise.\nYou are a vision assistant.\nYou describe pictures.\nYou are an assistant that looks at photos.
    Look at the picture carefully.\nYou are a photo indexer.\nYou are a helpful vision assistant.\nAnswer truthfully.
""")
DEFAULT_SYSTEM = "You are a helpful assistant."
CHAT = [
    (_lines("Hello\nHi\nHey\nHello!\nHi there\nGood morning\nGood evening\nHey there!\nHello, how are you?\nGreetings"),
     "Hello! Show me a picture and ask me about it."),
    (_lines("Who are you?\nWhat are you?\nWhat is your name?\nIntroduce yourself.\nTell me about yourself.\nAre you a robot?\nWhich model are you?\nWhat is glance?"),
     "I am glance, a tiny test model that looks at simple pictures."),
    (_lines("What can you do?\nHelp\nHow can you help me?\nWhat are you good at?\nWhat do you know?\nWhat should I ask you?"),
     "I can name, count and locate simple objects, tell colors and read short words."),
    (_lines("Thanks\nThank you!\nThanks a lot.\nGreat, thanks.\nBye\nGoodbye!\nSee you."), "You are welcome!"),
    (["What is the capital of France?", "Tell me a joke.", "What is two plus two?", "Write some code.", "Explain gravity.",
      "How do I cook rice?", "What time is it?", "Sing a song.", "What is the news?", "Translate hello."],
     "I only know about pictures. Show me one and ask me about it."),
    (_lines("Describe this image.\nWhat is this?\nWhat do you see?\nRead the text.\nHow many objects are there?\nDescribe the picture."),
     "I see no picture here. Please show me one."),
]
_POLITE = ["Please ", "Can you tell me: ", "Look at the picture. ", "Question: ", "Hey, ", "Hi! ", "Look at the image and answer. ", "Quick question: ",
           "Tell me: ", "Now ", "So, ", "Okay, ", "I have a question. "]


def vary(rng: random.Random, prompt: str) -> str:
    """Small changes of wording: politeness, case, closing punctuation."""
    draw = rng.random()
    if draw < 0.10:
        polite = rng.choice(_POLITE)
        prompt = polite + (prompt[0].lower() + prompt[1:] if polite[-2] != "." else prompt)
    elif draw < 0.24:
        prompt = prompt[0].lower() + prompt[1:]
    elif draw < 0.28 and '"' not in prompt:
        prompt = prompt.lower()
    elif draw < 0.33:
        prompt += rng.choice([" Please.", " Thanks.", " Thank you."])
    if rng.random() < 0.15 and len(prompt) > 4:
        prompt = prompt.rstrip(".?!")
    return prompt
