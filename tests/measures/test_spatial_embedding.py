import cv2
import numpy as np
import torch

from mediacorpus.engine.contract import Batch, BatchItem
from mediacorpus.measures.embedding import embedding
from mediacorpus.measures.spatial_embedding import spatial_embedding
from mediacorpus.networks.backbones import create
from mediacorpus.networks.views import preprocess
from mediacorpus.records import FileFacts


def image(pixels):
    height, width = pixels.shape[:2]
    return BatchItem("a", FileFacts("PNG", width, height, "RGB", 1), np.ascontiguousarray(pixels))


def test_it_is_the_mean_of_the_maps_at_each_place(photographs):
    [vector] = spatial_embedding()(photographs.batch(1))
    network = create("efficientnet_lite0", weights="pretrained", classes=2)
    pixels = preprocess(photographs.batch(1).pixels[0])[None]
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        maps = torch.nn.Sequential(*network.blocks[:16])(x)  # (1, 192, 7, 7)
        places = torch.nn.functional.avg_pool2d(maps, 3, 2)
    assert maps.shape == (1, 192, 7, 7)
    np.testing.assert_allclose(vector, places.flatten().numpy(), atol=2e-4)


def test_it_tells_where_a_thing_is_and_the_embedding_hardly(photographs):
    likeness = {"place": [], "whole": []}
    for pixels in photographs.batch(6).pixels:
        small = cv2.resize(pixels, (140, 140), interpolation=cv2.INTER_AREA)
        canvases = [np.full((256, 256, 3), 127, np.uint8) for _ in range(2)]
        canvases[0][:140, :140], canvases[1][116:, 116:] = small, small
        for name, measure in (("place", spatial_embedding()), ("whole", embedding())):
            a, b = measure(Batch([image(canvas) for canvas in canvases]))
            likeness[name].append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert np.mean(likeness["place"]) < np.mean(likeness["whole"]) - 0.1


def test_a_batch_gives_what_single_images_give(photographs):
    chosen = photographs.images[:10]
    measure = spatial_embedding()
    together = np.stack(measure(Batch(chosen)))
    alone = np.stack([measure(Batch([one]))[0] for one in chosen])
    assert together.shape == (10, 1728)
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_no_images_give_no_vectors():
    assert spatial_embedding()(Batch([])) == []
