// The ways from pixels to a tensor that have names.

export const PRESETS = ["imagenet", "tf", "zero-one", "raw", "caffe"];
