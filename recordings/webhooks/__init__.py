"""The HTTP side of callbacks: the addresses that Vobiz posts to. What a delivery means is `recordings.callbacks`."""
