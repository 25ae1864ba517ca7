# SPDX-License-Identifier: Apache-2.0
"""Plausible returns and a register of the people they belong to, the same for the same seed.

    generate.py [--count N] [--seed S] [--year Y] DIRECTORY

writes DIRECTORY/register.csv (spi, birth_name, first_names, filer_number, reference_income, department, household,
family_change) and DIRECTORY/returns/0001.json, ... one return for each household, in the order of the register. Every
return passes the rules. Nobody in it exists; names, numbers and amounts are drawn."""

import argparse
import csv
import json
import pathlib
import random

FAMILY_NAMES = [name.replace("_", " ") for name in """
Lefèvre Müller-Béranger Garçon Noël Saint-Étienne Dupré Le_Goff N'Guyen Zoë Peña Françoise-Dôle Hervé
Château Bœuf L'Hôpital Besançon Œuvrard Benoît Maréchal Lemaître Côte_d'Aubigné Schœlcher Ürgüp Béziers Lacroix
Martin Bernard Petit Durand Leroy Moreau Simon Laurent Michel Garcia Roux Vincent Fournier Morel Girard André Mercier
Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Perrin Robin Clément Morin Nicolas Henry Rousseau
Mathieu Gautier Masson Marchand Duval Denis Dumont Lemaire Meyer Dufour Meunier Brun Blanchard Giraud Joly Rivière
Lucas Brunet Gaillard Barbier Arnaud Martínez Gérard Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger
Fabre Aubert Lemoine Renaud Dumas Lacombe Olivier Philippe
Bourgeois Pierre Benoist Rey Leclerc Payet Rolland""".split()]
FIRST_NAMES = """Anaïs Éloïse Chloé Zoé Inès Héloïse Maëlle Gaëlle Océane Léa Noémie Cécile Hélène Geneviève Thérèse
Françoise Agnès Irène Aimée Désirée André Jérôme Stéphane Frédéric Sébastien François Benoît Joël Noël Raphaël Gaël
Loïc Théo Léo Hugo Rémi Clément Étienne Gérard Régis Zéphyrin Marie Jeanne Louise Pierre Paul Jacques Michel Alain
Claude Monique Nicole Sylvie Nathalie Isabelle Catherine Philippe Laurent Olivier Thomas Nicolas Julien Alexandre
Camille Manon Sarah Lucas Louis Gabriel
Arthur Jules Adam Lina Rose Anna Mila Jean-Baptiste Marie-Hélène Anne-Gaëlle""".split()
DEPARTMENTS = ["%02d" % n for n in range(1, 96) if n != 20] + ["2A", "2B", "971", "972", "973", "974", "976"]
BODIES = ["Les Cantines solidaires", "Fondation pour la forêt", "Secours des marins de l'Île-aux-Moines",
          "Association « Lire à l'hôpital »", "Œuvre des pupilles du Cœur-Volant", "Musée de l'Aérostat"]


def spi_make(draw):
    """A tax number: ten digits, the first 0 to 3, and three that are the ten modulo 511."""
    while True:
        ten = draw.randrange(0, 4 * 10**9)
        if ten:
            return "%010d%03d" % (ten, ten % 511)


def spi_valid(spi):
    return len(spi) == 13 and spi.isdigit() and spi[0] in "0123" and int(spi) > 0 and \
        int(spi[:10]) % 511 == int(spi[10:])


def person_make(draw, taken):
    spi = spi_make(draw)
    while spi in taken:
        spi = spi_make(draw)
    taken.add(spi)
    return {
        "spi": spi,
        "birth_name": draw.choice(FAMILY_NAMES),
        "first_names": " ".join(draw.sample(FIRST_NAMES, draw.choice((1, 1, 2, 3)))),
        "filer_number": "%07d" % draw.randrange(10**7),
    }


def boxes_make(draw, year, is_joint):
    boxes = {"0AM" if is_joint else draw.choice(("0AC", "0AD")): 1, "0DA": year - draw.randint(20, 90)}
    if is_joint:
        boxes["0DB"] = year - draw.randint(20, 90)
    children = draw.choice((0, 0, 0, 1, 2, 3))
    if children:
        boxes["0CF"] = children
        for n in range(children):
            boxes["0F%d" % n] = year - draw.randint(0, 17)
    boxes["1AJ"] = draw.randint(0, 60000)
    if is_joint and draw.random() < 0.8:
        boxes["1BJ"] = draw.randint(0, 60000)
    for code, share, most in (("1AP", 0.1, 12000), ("1AS", 0.3, 30000), ("2DC", 0.2, 3000), ("2TR", 0.3, 900),
                              ("4BE", 0.1, 14000), ("4BA", 0.08, 20000),
                              ("3VG", 0.05, 8000), ("5HQ", 0.05, 30000), ("6DD", 0.05, 2000),
                              ("7DB", 0.15, 5000), ("7AC", 0.15, 300), ("7UF", 0.25, 900),
                              ("7UD", 0.15, 600), ("7UH", 0.05, 7500)):
        if draw.random() < share:
            boxes[code] = draw.randint(1, most)
    if draw.random() < 0.1:
        boxes["8TU"] = "%d.%02d" % (draw.randint(1, 5000), draw.randint(0, 99))
    return dict(sorted(boxes.items()))


def donations_make(draw, boxes):
    """Every beneficiary named, in one gift or two, or a body that needs no name (requirement A13)."""
    donations = []
    for code in ("7UD", "7UF", "7UH"):
        amount = boxes.get(code, 0)
        if amount == 0 or (code == "7UH" and amount <= 3000):
            continue
        parts = [amount] if amount < 2 or draw.random() < 0.6 else [amount // 2, amount - amount // 2]
        for part in parts:
            donation = {"box": code, "amount": part}
            if code != "7UH" and draw.random() < 0.1:
                donation["body"] = draw.choice(("religious", "charitable"))
            else:
                donation["beneficiary"] = draw.choice(BODIES)
            donations.append(donation)
    return donations


def return_make(draw, year, is_joint):
    boxes = boxes_make(draw, year, is_joint)
    document = {"form": "2042", "income_year": year, "boxes": boxes}
    donations = donations_make(draw, boxes)
    if donations:
        document["donations"] = donations
    return document


def generate(count, seed, year):
    """(register rows, return documents): `count` households of one or two persons, one return each."""
    draw = random.Random(seed)
    register, returns, taken = [], [], set()
    for household in range(1, count + 1):
        persons = [person_make(draw, taken) for _ in range(draw.choice((1, 2)))]
        document = return_make(draw, year, len(persons) == 2)
        income = sum(v for code, v in document["boxes"].items() if code in ("1AJ", "1BJ", "1AS", "2DC"))
        department = draw.choice(DEPARTMENTS)
        for person in persons:
            register.append({**person, "reference_income": income, "department": department,
                             "household": "H%06d" % household, "family_change": 0})
        returns.append(document)
    return register, returns


def document_text(document):
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


COLUMNS = ["spi", "birth_name", "first_names", "filer_number", "reference_income", "department", "household",
           "family_change"]


def register_write(path, register):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(register)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="households (default 100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--year", type=int, default=2025, help="income year")
    parser.add_argument("directory", type=pathlib.Path)
    arguments = parser.parse_args()
    register, returns = generate(arguments.count, arguments.seed, arguments.year)
    folder = arguments.directory / "returns"
    folder.mkdir(parents=True, exist_ok=True)
    register_write(arguments.directory / "register.csv", register)
    for number, document in enumerate(returns, 1):
        (folder / ("%04d.json" % number)).write_text(document_text(document), encoding="utf-8")


if __name__ == "__main__":
    main()
