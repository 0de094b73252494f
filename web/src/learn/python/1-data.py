from tenfold import load_dataset, profile

data = load_dataset("mnist")
print(profile(data).train.counts)
