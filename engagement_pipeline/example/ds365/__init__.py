"""An e-learning platform's first months of 2022 (365 Data Science): its catalog, and landing its tables."""
