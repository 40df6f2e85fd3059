process.env.ORT_DISABLE_TELEMETRY ??= '1'; // to be imported before onnxruntime, which starts it
