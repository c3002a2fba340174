internal import ArgumentParser
internal import MeterWaldur

/// The manual page, made of the same definitions as `--help`.
///
/// Written with the macros of man(7), which every `man` knows. Options that most verbs have are described
/// once, in a section of their own.
struct ManualPage {
    private let root: JSONValue
    /// Options that more than this many verbs have, and describe alike, are common.
    private static let commonCount = 8
    private let common: [JSONValue]

    static func text() throws(CommandFailure) -> String {
        guard let dump = try? JSONParser.parse(Array(Meterctl._dumpHelp().utf8)),
            let root = dump["command"]
        else { throw CommandFailure(.failed, "the help cannot be read") }
        return ManualPage(root).page
    }

    private init(_ root: JSONValue) {
        self.root = root
        var counts: [String: (count: Int, option: JSONValue)] = [:]
        var order: [String] = []
        for verb in Self.verbs(of: root) {
            for option in Self.options(of: verb) {
                let name = Self.described(option)
                if counts[name] == nil { order.append(name) }
                counts[name, default: (0, option)].count += 1
            }
        }
        common = order.compactMap { name in
            counts[name].flatMap { $0.count > Self.commonCount ? $0.option : nil }
        }
    }

    private var page: String {
        var text = #"""
            .\" Made by meterctl manual of what --help says.
            .TH METERCTL 1 "" "Meter \#(Meterctl.configuration.version)" "Meter"
            .SH NAME
            meterctl \- \#(Self.sentence(root.cell("abstract")))
            .SH SYNOPSIS
            .B meterctl
            .I verb
            [options]
            .SH DESCRIPTION

            """#
        text += Self.prose(root.cell("discussion"))
        text += ".SH VERBS\n"
        for verb in Self.verbs(of: root) { text += section(verb) }
        text += ".SH COMMON OPTIONS\n"
        for option in common { text += Self.described(option) }
        text += """
            .SH ENVIRONMENT
            .TP
            .B METER_DATA, METER_ADMIN_SOCKET, METER_URL, METER_KEY_FILE
            Where the server is and how to get in, where no option says so.
            .TP
            .B METER_SERVER_PROGRAM
            The server's program, for config check; otherwise MeterServer beside meterctl.
            .TP
            .B NO_COLOR, FORCE_COLOR
            Turn colours off, or on where there is no terminal.
            .SH SEE ALSO
            .B MeterServer --help

            """
        return text
    }

    private func section(_ verb: JSONValue) -> String {
        let path = (verb.list("superCommands") + [verb["commandName"] ?? .null]).map(\.cell)
        let own = Self.options(of: verb).filter { option in
            !common.contains { Self.described($0) == Self.described(option) }
        }
        let arguments = Self.arguments(of: verb)
        var line = path.joined(separator: " ") + (own.isEmpty ? "" : " [options]")
        for argument in arguments {
            let name = argument.cell("valueName")
            let dots = argument.isTrue("isRepeating") ? " ..." : ""
            line += argument.isTrue("isOptional") ? " [\(name)\(dots)]" : " \(name)\(dots)"
        }
        var text = ".SS \(Self.escaped(line))\n" + Self.prose(verb.cell("abstract"))
        text += Self.prose(verb.cell("discussion"))
        for item in arguments + own { text += Self.described(item) }
        return text
    }

    // MARK: - What the dump says

    /// Commands without subcommands, in their order.
    private static func verbs(of command: JSONValue) -> [JSONValue] {
        command.list("subcommands").filter { $0.cell("commandName") != "help" }
            .flatMap { child in
                child.list("subcommands").isEmpty ? [child] : verbs(of: child)
            }
    }

    private static func options(of verb: JSONValue) -> [JSONValue] {
        verb.list("arguments").filter { $0.cell("kind") != "positional" }
    }

    private static func arguments(of verb: JSONValue) -> [JSONValue] {
        verb.list("arguments").filter { $0.cell("kind") == "positional" }
    }

    /// `-o, --output <output>`; of an argument its name.
    private static func synopsis(_ item: JSONValue) -> String {
        let names = item.list("names").map { name in
            (name.cell("kind") == "long" ? "--" : "-") + name.cell("name")
        }
        guard !names.isEmpty else { return item.cell("valueName") }
        let value = item.cell("kind") == "option" ? " <\(item.cell("valueName"))>" : ""
        return names.joined(separator: ", ") + value
    }

    private static func described(_ item: JSONValue) -> String {
        var help = item.cell("abstract")
        let values = item.list("allValues").map(\.cell)
        if !values.isEmpty { help += " One of \(values.joined(separator: ", "))." }
        let fallback = item.cell("defaultValue")
        if !fallback.isEmpty { help += " Otherwise \(fallback)." }
        return ".TP\n.B \(escaped(synopsis(item)))\n\(escaped(help))\n"
    }

    // MARK: - roff

    /// Paragraphs; indented lines stay as they are.
    private static func prose(_ text: String) -> String {
        guard !text.isEmpty else { return "" }
        var page = ".PP\n"
        var isBlock = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isIndented = line.hasPrefix("  ")
            if isIndented != isBlock, !line.isEmpty {
                page += isIndented ? ".RS 4\n.nf\n" : ".fi\n.RE\n.PP\n"
                isBlock = isIndented
            }
            if line.isEmpty {
                page += isBlock ? "" : ".PP\n"
            } else {
                page += escaped(String(isIndented ? line.dropFirst(2) : line)) + "\n"
            }
        }
        return page + (isBlock ? ".fi\n.RE\n" : "")
    }

    /// Without the capital letter and the full stop.
    private static func sentence(_ text: String) -> String {
        let body = text.hasSuffix(".") ? String(text.dropLast()) : text
        return escaped(body.prefix(1).lowercased() + body.dropFirst())
    }

    /// Nothing in it is a request or an escape of roff's.
    private static func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
}
