"""What CelebA (Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015) calls its files and its columns."""

from typing import Final

IMAGE_FOLDER: Final = "img_align_celeba"
ATTRIBUTE_FILE: Final = "list_attr_celeba.txt"
IDENTITY_FILE: Final = "identity_CelebA.txt"
PARTITION_FILE: Final = "list_eval_partition.txt"
CARD_FILE: Final = "dataset.json"
"""facedge's own, optional: {"name": ..., "licence": ...} where the dataset is not CelebA but only laid out like it."""

ATTRIBUTE_NAMES: Final[tuple[str, ...]] = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)
"""The 40 attributes in the official column order."""

PARTITIONS: Final[tuple[str, str, str]] = ("train", "validation", "test")
"""The sides of the official split; a partition file holds the index (0, 1, 2)."""
