"""Generated inputs with expected logits: models/<name>/self-test.json (core/inference/model-self-test.ts)."""

import numpy as np

# cycles along x and y of the pattern "waves": broad, medium, fine.
CASES = (('broad', 1.0, 0.5), ('medium', 3.0, 2.0), ('fine', 17.0, 11.0))
# float32 on a CPU differs from double precision by about 1e-5; TF32 and fp16 providers by up to 1e-2.
TOLERANCE = 0.02


def waves(size, cycles_x, cycles_y):
    """float32 [size, size]: -1 + 2 (0.5 + 0.25 sin(2 pi cx x / S) + 0.25 cos(2 pi cy y / S))."""
    position = np.arange(size) / size
    horizontal = 0.25 * np.sin(2 * np.pi * cycles_x * position)[None, :]
    vertical = 0.25 * np.cos(2 * np.pi * cycles_y * position)[:, None]
    return (-1 + 2 * (0.5 + horizontal + vertical)).astype(np.float32)


def build_self_test(predict, size):
    """predict: float32 [N, 1, S, S] to (logits [N, k], cams [N, k, h, w])."""
    batch = np.stack([waves(size, cx, cy) for _, cx, cy in CASES])[:, None]
    logits, _ = predict(batch)
    return {
        'schemaVersion': 1,
        'tolerance': TOLERANCE,
        'cases': [
            {
                'name': name,
                'input': {'pattern': 'waves', 'cyclesX': cx, 'cyclesY': cy},
                'logits': [round(float(v), 5) for v in logits[i]],
            }
            for i, (name, cx, cy) in enumerate(CASES)
        ],
    }
