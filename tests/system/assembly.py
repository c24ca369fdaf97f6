# SPDX-License-Identifier: Apache-2.0
"""What stands where a register or a named constant is meant, in the VMM's assembly.

To the assembler a register is a number: of `li 12, 6` it does not say which is which. The
sources are assembled with names (-mregnames), where the assembler refuses a register in place of a
number; what it takes without a word is a number in place of a register, which this finds.
"""
import re

# Operands by mnemonic: r a register, z a register or 0 for none, s the name of an SPR, m an
# offset and a register in parentheses, c a mask or another constant with a name, - anything else. What is not listed is a fault, so that
# whoever uses it says what its operands are.
OPERANDS = {
    "": "rfi rfci isync msync tlbwe blr bctr nop",
    "r": "mtctr mtlr mtxer mtcr mtmsr mfctr mflr mfxer mfcr mfmsr",
    "r-": "li cmpwi cmplwi",
    "rc": "lis",
    "rr": "mr cmplw",
    "rr-": "addi slwi",
    "rrc": "addis ori oris xori andi.",
    "rrccc": "rlwinm rlwinm. rlwimi",
    "rrr": "add subf and and. or or. xor",
    "rzr": "lwzx stwx",
    "rm": "lwz stw lhz lha lmw stmw stwu",
    "rs": "mfspr",
    "sr": "mtspr",
    "zr": "dcbst dcbf icbi",
    "-": "b bl beq bne blt bge bgt bdnz wrteei",
}
KINDS = {name: kinds for kinds, names in OPERANDS.items() for name in names.split()}
REGISTER = r"(r(\d+|\\n\b)|vcpu)"
WANTED = {"r": REGISTER, "z": REGISTER + "|0", "c": r"0|(?!-?(0x[0-9a-f]+|\d+)$).+", "s": r"SPR_\w+( \+ \\n)?",
          "m": r"[^()]*(\([^()]*\)[^()]*)*\(%s\)" % REGISTER, "-": r".+"}
MEANT = {"s": "name of an SPR", "c": "named constant"}


def statements(lines):
    """(line, mnemonic, operands) of each statement; labels, comments and preprocessor gone."""
    for number, line in enumerate(lines, 1):
        line = re.sub(r"//.*|^\s*[\w\\@.()]+:", "", line).strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        yield number, word, split(rest)


def split(text):
    """At commas that stand in no parentheses."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]


class Macro:
    """Which kind each parameter has, which is what its uses say."""

    def __init__(self, operands):
        first, *rest = operands
        self.name, *start = first.split()
        self.parameters = [p.split(":")[0] for p in start + rest]
        self.kinds = {name: "-" for name in self.parameters}


def macros_of(sources):
    """All macros of `sources`, {path: lines}, by name."""
    macros, bodies = {}, []
    for lines in sources.values():
        current = None
        for number, word, operands in statements(lines):
            if word == ".macro":
                current = Macro(operands)
                macros[current.name] = current
            elif word == ".endm":
                current = None
            elif current:
                bodies.append((current, number, word, operands))
    changed = True
    while changed:
        changed = False
        for macro, _, word, operands in bodies:
            for operand, kind in zip(operands, kinds_of(word, macros) or ""):
                name = operand[1:]
                if operand[:1] == "\\" and kind in "rzsc" and macro.kinds.get(name) == "-":
                    macro.kinds[name] = kind
                    changed = True
    return macros


def kinds_of(word, macros):
    """Of a statement's operands; None if nobody has said."""
    if word in macros:
        return [macros[word].kinds[name] for name in macros[word].parameters]
    return KINDS.get(word.rstrip("+-"))


def faults(sources):
    """Lines "path:line: what" for {path: lines}."""
    macros, found = macros_of(sources), []
    for path, lines in sources.items():
        macro = None
        for number, word, operands in statements(lines):
            if word == ".macro":
                macro = macros[Macro(operands).name]
            elif word == ".endm":
                macro = None
            if word.startswith((".", "\\")):
                continue
            found += [f"{path}:{number}: {what}"
                      for what in faults_of(word, operands, macros, macro)]
    return found


def faults_of(word, operands, macros, macro):
    """What is wrong with one statement, which stands in `macro` or in none."""
    kinds = kinds_of(word, macros)
    if kinds is None:
        return [f"{word}: tests/system/assembly.py does not know its operands"]
    if word in macros and "insn" in macros[word].parameters:  # that is a statement of its own
        at = macros[word].parameters.index("insn")
        inner, _, first = operands[at].partition(" ")
        return faults_of(inner, split(first) + operands[at + 1:], macros, macro)
    found = []
    for operand, kind in zip(operands, kinds):
        parameter = macro and operand[:1] == "\\" and macro.kinds.get(operand[1:]) == kind
        if not parameter and not re.fullmatch(WANTED[kind], operand):
            found.append(f"{word} {', '.join(operands)}: {operand} is no {MEANT.get(kind, 'register')}")
    return found


def jumps(sources):
    """Labels that statements branch to."""
    return {operands[-1] for lines in sources.values() for _, word, operands in statements(lines)
            if operands and KINDS.get(word.rstrip("+-")) == "-"}


def silent(sources):
    """Lines "path:line: what" for labels that are branched to and whose comment has no "In"."""
    targets, found = jumps(sources), []
    for path, lines in sources.items():
        for number, line in enumerate(lines, 1):
            label = re.match(r"([A-Za-z_][\w()]*):", line)
            if label is None or label[1] not in targets:
                continue
            above = []
            for before in reversed(lines[:number - 1]):
                if not re.match(r"//|\s*\.(globl|balign)\b", before):
                    break
                above.append(before)
            if not any(re.match(r"// In[:,]", before) for before in above):
                found.append(f"{path}:{number}: {label[1]} does not say what it finds where")
    return found


def far(sources, most=20):
    """Lines "path:line: what" for branches to a number that stands more than `most` lines away."""
    found = []
    for path, lines in sources.items():
        for number, _, operands in statements(lines):
            target = re.fullmatch(r"(\d+)([bf])", operands[-1] if operands else "")
            if target is None:
                continue
            step = 1 if target[2] == "f" else -1
            at = number if step == 1 else number - 1
            while not lines[at].startswith(target[1] + ":"):
                at += step
            if abs(at + 1 - number) > most:
                found.append(f"{path}:{number}: {target[0]} is {abs(at + 1 - number)} lines away")
    return found
