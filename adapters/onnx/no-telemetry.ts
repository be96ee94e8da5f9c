/**
 * The published builds of onnxruntime report sessions, models and the machine to their maker, keep an identifier in the
 * home directory and a log in the folder for temporary files. A hospital's machine does none of that. The
 * runtime reads the variable once, before its first session (microsoft/onnxruntime#27379).
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1';
