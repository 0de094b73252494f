from tenfold import Reader, load_dataset

image = load_dataset("mnist").test_images[0]
reading = Reader().read(image)
print(reading.digit, reading.confidence)
