"""labels.csv and boxes.csv of the NIH ChestX-ray14 subset, as arrays."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# NIH order: the order of the columns of labels.csv and of the network's outputs.
FINDINGS = (
    'Atelectasis', 'Cardiomegaly', 'Effusion', 'Infiltration', 'Mass', 'Nodule', 'Pneumonia',
    'Pneumothorax', 'Consolidation', 'Edema', 'Emphysema', 'Fibrosis', 'Pleural_Thickening', 'Hernia',
)
FOLDS = 5


@dataclass(frozen=True)
class Dataset:
    """n images, k findings.

    labels: [n, k] 0/1, positive where the mined label OR a hand-drawn box says so.
    teacher: [n, k] probabilities of the DenseNet-121 trained on other NIH images, NaN where absent.
    boxes: (row, finding, x0, y0, x1, y1), fractions of the whole image.
    """

    folder: Path
    images: tuple
    patients: np.ndarray
    folds: np.ndarray
    sets: np.ndarray
    labels: np.ndarray
    teacher: np.ndarray
    boxes: tuple

    def pixels(self, row):
        """The greyscale presentation image, float64 [H, W], 0 (dark) to 255."""
        with Image.open(self.folder / 'images' / self.images[row]) as image:
            return np.asarray(image.convert('L'), np.float64)


def load_dataset(folder):
    """Reads the two tables; refuses a patient who is in two folds."""
    folder = Path(folder)
    with open(folder / 'labels.csv', newline='') as handle:
        rows = list(csv.DictReader(handle))
    row_of = {row['image']: index for index, row in enumerate(rows)}
    labels = np.array([[float(row[finding]) for finding in FINDINGS] for row in rows])
    boxes = []
    with open(folder / 'boxes.csv', newline='') as handle:
        for box in csv.DictReader(handle):
            row, finding = row_of[box['image']], FINDINGS.index(box['finding'])
            labels[row, finding] = 1.0
            x, y, w, h = (float(box[key]) for key in ('x_center', 'y_center', 'width', 'height'))
            boxes.append((row, finding, x - w / 2, y - h / 2, x + w / 2, y + h / 2))
    fold_of = {}
    for row in rows:
        if fold_of.setdefault(row['patient'], row['fold']) != row['fold']:
            raise ValueError('a patient is in two folds')
    return Dataset(
        folder=folder,
        images=tuple(row['image'] for row in rows),
        patients=np.array([row['patient'] for row in rows]),
        folds=np.array([int(row['fold']) for row in rows]),
        sets=np.array([row['set'] for row in rows]),
        labels=labels,
        teacher=np.array([[float(row[f'teacher_{f}'] or 'nan') for f in FINDINGS] for row in rows]),
        boxes=tuple(boxes),
    )
