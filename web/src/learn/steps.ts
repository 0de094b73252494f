// The nine steps of an MNIST project: what each says, has one do and see, and shows.

import { make } from "../app/elements.js";
import { createComparison } from "./comparison.js";
import { createControls } from "./controls.js";
import { createCurves } from "./curves.js";
import { createClasses, createPixels } from "./images.js";
import { createMistakes } from "./mistakes.js";
import { later, type Panel } from "./panel.js";
import data from "./python/1-data.py?raw";
import preprocessing from "./python/2-preprocessing.py?raw";
import network from "./python/3-network.py?raw";
import trainingCode from "./python/4-training.py?raw";
import evaluation from "./python/5-evaluation.py?raw";
import prediction from "./python/6-prediction.py?raw";
import challenges from "./python/7-challenges.py?raw";
import improvements from "./python/8-improvements.py?raw";
import extensions from "./python/9-extensions.py?raw";
import type { Training } from "./current-training.js";
import { createAnswer, createFirstWeights, createLayers } from "./weights.js";

export interface Step {
  readonly title: string;
  // In texts, [term] opens the glossary, and [text|term] shows another form of the word.
  readonly text: string;
  readonly todo: string;
  readonly tosee: string;
  readonly python: string;
  // overfitting: a second network, with few images.
  readonly panels: (training: Training, overfitting: Training) => readonly Panel[];
}

export const STEPS: readonly Step[] = [
  {
    title: "Data",
    text: "A network learns from examples. MNIST has 60,000 [training images|training image] of handwritten digits, each with its [label]. 10,000 of them are shown here.",
    todo: "Choose a digit, and look for images that you would misread yourself.",
    tosee: "How differently people write the same digit, and that no [class] is rare.",
    python: data,
    panels: () => [createClasses()],
  },
  {
    title: "Preprocessing",
    text: "A network takes numbers. Pixels from 0, paper, to 255, ink, are [normalized|normalize] to 0 to 1, the rows are [flattened|flatten], and the label is [one-hot] encoded. 2,000 [validation images|validation image] are held back.",
    todo: "Point at pixels of the digit, or tap them.",
    tosee: "The number that stands for each pixel, and its place among the 784.",
    python: preprocessing,
    panels: () => [createPixels()],
  },
  {
    title: "Network",
    text: "784 inputs, hidden layers, and ten outputs. Each [unit] adds up its inputs, each times a [weight], and a [bias], and passes the sum through an [activation function]. [Softmax|softmax] makes probabilities of the ten [logits|logit].",
    todo: "Change the hidden layers to 30; then choose convolutions.",
    tosee: "Where the [parameters|parameter] are: of dense layers, nearly all in the first one, 784 weights and a bias for each unit.",
    python: network,
    panels: (training) => [createControls(training, ["architecture", "hidden", "activation"]), createLayers(training), createFirstWeights(training)],
  },
  {
    title: "Training",
    text: "The [loss] says how wrong the network is. Its [gradient] says how to change each weight, and [Adam] does so, after each [batch]. A pass over all images is an [epoch].",
    todo: "Press Train. Then train with the [learning rates|learning rate] 1 and 0.0001, and with 0.001 again.",
    tosee: "The curves of a training that works, and of those that do not; the gray one is a training before.",
    python: trainingCode,
    panels: (training) => [createControls(training, ["architecture", "hidden", "learning_rate", "batch_size", "epochs", "images"]), createCurves(training)],
  },
  {
    title: "Evaluation",
    text: "The [accuracy] hides where a network errs. The [confusion matrix] counts each mistake, and [recall] says how much of each class is found.",
    todo: "Tap an orange number of the matrix.",
    tosee: "The images behind it: which would you have read right?",
    python: evaluation,
    panels: (training) => [
      createMistakes(training),
      later(
        "A better classifier's mistakes",
        "Your network was measured on 2,000 validation images. This is the Reader, the classifier that this app reads with, on MNIST's 10,000 test images: those that look alike to it lie close together, and its 40 errors are ringed.",
        async () => (await import("./map.js")).createMap,
      ),
    ],
  },
  {
    title: "Prediction",
    text: "Now your own handwriting. The answer comes with a [confidence]: networks are often certain and wrong where a digit is unlike those that they learned from.",
    todo: "Draw a digit that your network misreads.",
    tosee: "The ten probabilities, and how they change with each stroke.",
    python: prediction,
    panels: (training) => [
      createAnswer(training),
      later(
        "Where the answer tips",
        "Another classifier, the Reader that this app reads with: what it makes of a digit that turns into another one, and of yours when it is changed.",
        async () => (await import("./change.js")).createChange,
      ),
      later(
        "Inside a network",
        "A third network, trained before: your digit after each layer of tiny, a convolution that is used seven times, with 1,493 parameters in all.",
        async () => (await import("./inside.js")).createInside,
      ),
    ],
  },
  {
    title: "Challenges",
    text: "With few images a network learns them by heart: [overfitting].",
    todo: "Press Train, with 200 images and 60 epochs.",
    tosee: "The curves part: training reaches 100 %, validation stays behind.",
    python: challenges,
    panels: (_, overfitting) => [createControls(overfitting, ["images", "epochs", "hidden"]), createCurves(overfitting)],
  },
  {
    title: "Improvements",
    text: "What is done against overfitting: [augmentation], [dropout], [weight decay], and more images.",
    todo: "Train without any of them. Then switch one on, train again, and compare; then another one.",
    tosee: "Augmentation closes more than half of the gap; 1,000 images raise the validation accuracy most. Dropout and weight decay change little here, and too much dropout harms.",
    python: improvements,
    panels: (_, overfitting) => [
      createControls(overfitting, ["augment", "dropout", "weight_decay", "images", "epochs"]),
      createCurves(overfitting),
      createComparison(overfitting),
    ],
  },
  {
    title: "Extensions",
    text: "A [convolution] looks for the same thing everywhere, and needs far fewer weights. With [batch norm] it learns fast. All of these steps, with all images and a report, are one command on your computer: tenfold walk.",
    todo: "Train dense layers. Then choose convolutions, which come with settings of their own, and train: it takes half a minute.",
    tosee: "A network of 2,800 parameters that beats one of 109,000.",
    python: extensions,
    panels: (training) => [
      createControls(training, ["architecture", "learning_rate", "epochs", "augment", "images"]),
      createCurves(training),
      createComparison(training),
      later(
        "A recorded training",
        "30 checkpoints of tiny, which learned from a million augmented images. Draw a digit, and drag through its training.",
        async () => (await import("./replay.js")).createReplay,
      ),
    ],
  },
];

// A step's panels in one, with texts around them.
export const panelOf = (step: Step, training: Training, overfitting: Training): Panel => {
  const panels = step.panels(training, overfitting);
  const element = make("div", { className: "panels" }, ...panels.map(({ element }) => element));
  return { element, hide: () => panels.forEach(({ hide }) => hide()) };
};
