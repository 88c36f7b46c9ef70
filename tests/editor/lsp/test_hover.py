"""Hover and inlay hints on zoo specs."""

from __future__ import annotations

from archc.language.functions import FUNCTIONS
from archc.language.library import zoo_folder
from tests.editor.lsp.client import Client

ZOO = zoo_folder()


def test_a_layer_shows_its_types_and_costs(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    said = client.hover(uri, "\n  fc¦: {dense")
    assert "**`fc`**: `2048` → `1000` float32" in said
    assert "2,049,000 parameters, 2,048,000 MACs" in said
    said = client.hover(uri, "\n  conv1¦: {conv: 64")
    assert "`3×224×224` → `64×112×112`" in said
    assert "receptive field 7×7" in said
    assert "floor((H + 1) / 2)" in said


def test_a_scope_shows_the_sum_of_its_layers(client: Client) -> None:
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    said = client.hover(uri, "\n  fea¦tures:")
    assert "`3×224×224` → `1280×7×7`" in said
    assert "2,223,872 parameters" in said


def test_a_layer_of_a_block_shows_all_its_uses(client: Client) -> None:
    uri = client.open(ZOO / "googlenet.yaml")
    said = client.hover(uri, "- branch¦1: {basic_conv")
    assert said.startswith("used 9 times")
    assert "| `inception3a.branch1` | 192×28×28 | 64×28×28 | 12,416 | 9,633,792 |" in said


def test_an_op_shows_its_documentation_and_this_use(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    said = client.hover(uri, "maxpool: {max_¦pool")
    assert "The largest element of each window" in said
    assert "- `ceil` (true or false, default `false`)" in said
    assert "**`maxpool`**: `64×112×112` → `64×56×56`" in said


def test_a_block_shows_its_parameters(client: Client) -> None:
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    said = client.hover(uri, "- {conv_bn¦_act: $(divisible(32")
    assert "**conv_bn_act**, a block of `blocks`" in said
    assert "- `act`: layer = `relu`" in said


def test_a_parameter_that_names_a_block_shows_that_block(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    assert "**bottleneck**, a block of `resnet`" in client.hover(uri, "layer1: [{$bl¦ock:")


def test_an_argument_shows_what_it_is_for(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    said = client.hover(uri, "conv1: {conv: 64, ker¦nel: 7")
    assert said.startswith("`kernel` (an int of at least 1 or [int, int]): the size")
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    assert client.hover(uri, "expa¦nd: $expand") == "`expand`: int"


def test_an_expression_shows_its_values(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    said = client.hover(uri, "out: $(¦4 * width)")
    assert said == "`$(4 * width)` = `256`, `512`, `1024`, `2048`"
    said = client.hover(uri, "layer2: [{$block: 128, repeat: $depths¦.1")
    assert "`$depths.1` = `8`: resnet152" in said
    assert "`$depths.1` = `4`: defaults, resnet34, resnet50" in said


def test_a_name_in_an_expression_shows_its_declaration(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    said = client.hover(uri, "$(width * base_¦width // 64")
    assert "channels of a bottleneck's inner convolution" in said
    assert "`base_width` = `8`: resnext101_32x8d" in said
    assert "parameter of the block `bottleneck` `width`: int" in client.hover(
        uri, "$(wid¦th * base_width"
    )
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    assert "a name of the loop" in client.hover(uri, "expand: $exp¦and\n")
    said = client.hover(uri, "- {conv_bn_act: $(divis¦ible(32")
    assert "`divisible(v, by=8)`: The multiple" in said
    assert "$(divisible(32 * width))` = `32`" in said


def test_every_function_is_described() -> None:
    from archc.editor import language_docs

    assert set(language_docs.FUNCTIONS) == set(FUNCTIONS)


def test_keys_are_described(client: Client) -> None:
    uri = client.open(ZOO / "googlenet.yaml")
    assert client.hover(uri, "\nimp¦orts:").startswith("`imports`: Spec files")
    assert "the central square's side" in client.hover(uri, "cr¦op: 224")
    assert "Patterns of names" in client.hover(uri, "weights: {ign¦ore")
    assert "The path of the layer to start from" in client.hover(uri, "aux1: {fr¦om:")
    assert "`side_head`" not in client.hover(uri, "logits: f¦c\n")
    assert "**`fc`**" in client.hover(uri, "logits: f¦c\n")


def test_nothing_is_said_of_nothing(client: Client) -> None:
    uri = client.open(ZOO / "googlenet.yaml")
    assert client.hover(uri, "# The check¦points want") == ""


def test_hints_show_what_leaves_each_line(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    text = client.texts[uri].split("\n")
    hints = {text[line - 1].strip().split(":")[0]: hint for line, hint in client.hints(uri).items()}
    assert hints["fc"] == "1000"
    assert hints["maxpool"] == "64×56×56"
    assert hints["layer4"] == "2048×7×7"
    assert hints["conv3"] == "256×56×56 … 2048×7×7"
    assert "params" not in hints


def test_hints_of_mobilenet(client: Client) -> None:
    uri = client.open(ZOO / "mobilenet_v2.yaml")
    text = client.texts[uri].split("\n")
    hints = {text[line - 1].strip(): hint for line, hint in client.hints(uri).items()}
    assert hints["features:"] == "1280×7×7"
    assert hints["- {dense: $classes}"] == "1000"
    assert hints["classifier:"] == "1000"


def test_hints_of_another_variant() -> None:
    for settings, options in ((None, ("--variant", "resnet18")), ({"variant": "resnet18"}, ())):
        client = Client(*options, settings=settings)
        uri = client.open(ZOO / "resnet.yaml")
        line = client.texts[uri].split("\n").index("  flatten: flatten") + 1
        assert client.hints(uri)[line] == "512"
        assert client.close() == 0


def test_hints_stay_where_a_spec_has_an_error(client: Client) -> None:
    uri = client.open(ZOO / "resnet.yaml")
    client.replace(uri, "flatten: flatten", "flatten: flaten")
    line = client.texts[uri].split("\n").index("  avgpool: global_avg_pool") + 1
    assert client.hints(uri)[line] == "2048×1×1"
