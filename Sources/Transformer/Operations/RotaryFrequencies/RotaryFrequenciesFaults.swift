// Wrong frequencies are faults of the rotation that reads them: see RotateFaults.swift.
