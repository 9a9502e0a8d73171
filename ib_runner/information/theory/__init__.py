"""The paper's risk bounds (theorems 1 to 3), and the sample sizes that they ask for."""
