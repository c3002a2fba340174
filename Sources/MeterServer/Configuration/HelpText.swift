/// What `--help` and `config show` print; both are made from ``Settings``.
enum HelpText {
    static var text: String {
        var lines = [
            "Usage: MeterServer [run] [flags]",
            "       MeterServer config check|show [flags]",
            "       MeterServer health [flags]",
            "",
            "Each setting is a flag, a METER_ variable (--log-format: METER_LOG_FORMAT), or a line of",
            "the YAML file that --config names (log: format:). Flags win over variables, variables",
            "over the file, the file over defaults. Unknown names are refused.",
            "",
        ]
        for setting in Settings.all where !setting.isHidden {
            var head = "  " + setting.flag
            switch setting.kind {
            case .flag: break
            case .text: head += " TEXT"
            case .address: head += " HOST:PORT"
            case .count: head += " N"
            case .choice(let known): head += " " + known.joined(separator: "|")
            }
            if let fallback = setting.fallback, fallback != "false" {
                head += "  (\(fallback)\(setting.unit.isEmpty ? "" : " " + setting.unit))"
            }
            lines.append(head)
            lines += wrapped(setting.help)
        }
        lines += [
            "",
            "health asks the running server with these settings whether every part of it moves on: 0 if so,",
            "1 if not. config check says whether a start would take the settings.",
            "",
            "Exit: 0 stopped as asked, 1 failed, 3 damaged data, 4 data directory in use,",
            "78 wrong configuration or address taken.",
        ]
        return lines.joined(separator: "\n")
    }

    /// Every setting with its value and where the value came from; secrets are not shown.
    static func values(_ values: ConfigurationValues) -> String {
        var lines: [String] = []
        for setting in values.settings {
            guard let value = values.value(setting) else { continue }
            let text = setting.isSecret ? "(secret)" : value.text
            lines.append("\(setting.path): \(text)  # \(value.origin)")
        }
        return lines.joined(separator: "\n")
    }

    private static func wrapped(_ text: String) -> [String] {
        var lines: [String] = []
        var line = "       "
        for word in text.split(separator: " ") {
            if line.count + 1 + word.count > 92 {
                lines.append(line)
                line = "       "
            }
            line += " " + word
        }
        lines.append(line)
        return lines
    }
}
