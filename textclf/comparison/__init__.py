"""What `textclf.compare` and `textclf.learning_curve` are made of: who is compared, at what cost, and how they rank."""
