"""Networks in exact integers: layers, quantisation, proof of the 2^24 bound."""
