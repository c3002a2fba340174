@main struct MeterLoad { static func main() {} }
