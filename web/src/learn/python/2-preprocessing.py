from tenfold import load_dataset, preprocess

ready = preprocess(load_dataset("mnist"))
print(ready.train_images.shape, ready.train_labels.shape, ready.validation_images.shape)
