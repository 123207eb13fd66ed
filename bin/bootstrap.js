#!/usr/bin/env node
import "../dist/bootstrap.js";
