"""What requests and answers look like: the API as OpenAPI describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from textclf.server.refusals import mended

EXAMPLE = "Shells fell on the market quarter for a third day."
PAGE = "Envoys return to the port city\n\nShells fell on the market quarter for a third day, doctors said.\n"


Text = Annotated[str, AfterValidator(mended)]
"""A text from outside: half characters, which no answer can hold, are read as question marks."""


class Body(BaseModel):
    """A request's body; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PredictRequest(Body):
    """Texts, or one article; exactly one of the two."""

    texts: list[Text] | None = Field(None, description="Paragraphs, each labelled by itself.")
    article: Text | None = Field(
        None, description="A page as text or HTML. Its paragraphs are found, and menus, captions and the like left out."
    )

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"texts": [EXAMPLE]}, {"article": PAGE}]}
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.texts is None) == (self.article is None):
            raise ValueError('give either "texts" or "article"')
        return self


class ModelIdentity(BaseModel):
    """Which model answered."""

    name: str = Field(examples=["minilm"])
    version: str = Field(description="The first 12 digits of the manifest's hash.", examples=["5d41402abc4b"])
    manifest_sha256: str = Field(description="The SHA-256 of the bundle's manifest.")
    textclf_version: str = Field(examples=["0.1.0"])


class LabelledParagraph(BaseModel):
    """One paragraph as labelled."""

    paragraph: int = Field(description="Which, from 0.")
    text: str = Field(description="As the model read it.", examples=[EXAMPLE])
    labels: list[str] = Field(description="Those whose score reaches their threshold.", examples=[["clashes"]])
    scores: dict[str, float] = Field(description="The calibrated probability of every label.")
    read: bool = Field(True, description="Whether it has a letter; one without is not read, and every score is 0.")
    start: int = Field(description="Where it begins in the input, in characters (Unicode code points).")
    end: int = Field(description="Where it ends.")
    explanation: dict[str, Any] | None = Field(
        None, description="Asked for with explain=true: the words with their places, and per label their weights."
    )


class PageBlock(BaseModel):
    """One block of an article's page."""

    role: str = Field(description="paragraph, heading, caption, byline, teaser, navigation, pull_quote or list.")
    text: str
    start: int = Field(description="Where it begins in the input, in characters (Unicode code points).")
    end: int
    reason: str = Field(description="Why it has its role.")
    paragraph: int | None = Field(description="Its number among the paragraphs; null where it was left out.")


class ArticleFront(BaseModel):
    """What stands around an article's text; empty where it was not found."""

    title: str
    date: str
    byline: str
    source: str
    dateline: str


class PredictResponse(BaseModel):
    """Every paragraph with its labels."""

    model: ModelIdentity
    thresholds: dict[str, float] = Field(description="The threshold of each label.", examples=[{"clashes": 0.43}])
    article: ArticleFront | None = Field(description="Of an article; null for texts.")
    blocks: list[PageBlock] = Field(description="Everything on an article's page, in order; empty for texts.")
    paragraphs: list[LabelledParagraph]


class Score(BaseModel):
    """A label and its probability."""

    label: str = Field(examples=["clashes"])
    score: float = Field(examples=[0.93])


class HubParameters(BaseModel):
    """Of Hugging Face's parameters, those that mean something here; others are passed over."""

    top_k: int | None = Field(None, ge=1, description="How many labels, the highest first; by default all.")


class HubRequest(BaseModel):
    """As Hugging Face's text-classification task takes it."""

    inputs: Text | list[Text] = Field(examples=[EXAMPLE])
    parameters: HubParameters = HubParameters()

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": [EXAMPLE]}]})


class TeiRequest(BaseModel):
    """As Text Embeddings Inference takes it."""

    inputs: Text | list[Text] | list[list[Text]] = Field(
        description="A text, or a batch in which each text stands in a list of its own."
    )
    raw_scores: bool = Field(False, description="Give log-odds in place of probabilities.")
    truncate: bool = Field(False, description="Has no effect: long texts are read in windows.")

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": [[EXAMPLE]]}]})


class Tensor(BaseModel):
    """One input or output of the Open Inference Protocol."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)]
    datatype: Literal["BYTES", "FP32"]
    data: list[Any]
    parameters: dict[str, Any] = {}


class WantedOutput(BaseModel):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(BaseModel):
    """As the Open Inference Protocol (version 2) takes it: one input `text` of BYTES."""

    id: Text | None = None
    inputs: list[Tensor]
    outputs: list[WantedOutput] | None = Field(None, description="By default all: scores and labels.")
    parameters: dict[str, Any] = {}

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [EXAMPLE]}]}]
        }
    )


class InferResponse(BaseModel):
    """As the Open Inference Protocol (version 2) gives it."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[Tensor]
