"""The paper's risk bounds (theorems 1 to 6), and the sample sizes that they require."""
