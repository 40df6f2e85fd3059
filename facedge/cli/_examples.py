"""Examples at the end of each command's help, by the words of the command."""

EXAMPLES = {
    "enroll": (
        "facedge enroll ana --from photos/ana",
        "facedge enroll ana --camera 0 --impostors photos/family",
        "facedge enroll ana --from new-photos --update",
    ),
    "verify": (
        "facedge verify photo.jpg -b ana",
        "facedge verify photos/ --json --far 0.1%",
        "facedge verify --camera 0 --watch --on-accept './open-lock.sh'",
    ),
    "compare": ("facedge compare one.jpg other.jpg", "facedge compare one.jpg other.jpg --far 1% --json"),
    "list": ("facedge list", "facedge list --json"),
    "forget": ("facedge forget ana", "facedge forget ana --yes"),
    "cameras": ("facedge cameras", "facedge cameras --json"),
    "attributes": ("facedge attributes photo.jpg", "facedge attributes photos/ --all --json"),
    "prepare": (
        "facedge prepare CelebA -o faces",
        "facedge prepare CelebA -o few-faces --limit 20000",
        "facedge prepare my-photos -o faces --detect --max-bad 10%",
    ),
    "train all": (
        "facedge train faces -o runs",
        "facedge train faces --me photos/me --others photos/others -o runs",
    ),
    "train backbone": (
        "facedge train backbone faces -o runs/backbone",
        "facedge train backbone -o runs/backbone --resume --epochs 80",
        "facedge train backbone faces -o runs/taught --teacher recogniser.onnx --teacher-input arcface",
    ),
    "train head": (
        "facedge train head runs/backbone --me photos/me --others photos/others -o runs/head",
        "facedge train head runs/backbone --photos photos -o runs/head",
        "facedge train head runs/backbone --me crops/me --others crops/others --aligned -o runs/head",
    ),
    "export": (
        "facedge export runs/backbone -o edge.facedge --faces faces",
        "facedge export runs/backbone --head runs/head --faces faces --far 0.1% -o me.facedge",
    ),
    "adopt": (
        "facedge adopt w600k_mbf.onnx --faces faces -o strong.facedge --licence 'non-commercial research'",
        "facedge adopt face_recognition_sface_2021dec.onnx --input sface --faces faces -o sface.facedge --int8",
    ),
    "eval": (
        "facedge eval me.facedge --faces faces -o report",
        "facedge eval runs/backbone --faces faces --robustness -o report",
        "facedge eval me.facedge --pairs lfw/pairs.txt --images lfw -o report",
    ),
    "demo": ("facedge demo", "facedge demo -o small-demo --epochs 4"),
    "bundle show": ("facedge bundle show", "facedge bundle show ana --json"),
    "bundle check": ("facedge bundle check me.facedge", "facedge bundle check ana --json"),
    "bundle convert": ("facedge bundle convert ana", "facedge bundle convert me.facedge -o new.facedge"),
    "bench": ("facedge bench", "facedge bench -b ana --photo photo.jpg --threads 1 --threads 4"),
    "doctor": ("facedge doctor", "facedge doctor --json"),
}


def epilog(words: str) -> str:
    """The end of a command's help: its examples, a line each."""
    return "\b\nExamples:\n" + "\n".join(EXAMPLES[words])
