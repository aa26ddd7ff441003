{#- What every label is made of. Everything is placed in tenths of a millimetre; `dots` makes it the printer's. -#}

{%- macro rule(x, y, width) %}
^FO{{ x|dots }},{{ y|dots }}^GB{{ width|dots }},2,2,B,0^FS
{%- endmacro %}

{%- macro frame(x, y, width, height) %}
^FO{{ x|dots }},{{ y|dots }}^GB{{ width|dots }},{{ height|dots }},3,B,0^FS
{%- endmacro %}

{#- A trial label is striped along both edges. -#}
{%- macro stripes(left, right, top, bottom, width=14) %}
{%- for y in range(top, bottom, 40) %}
{%- for x in (left, right) %}
^FO{{ x|dots if x else 0 }},{{ y|dots }}^GB{{ width|dots }},{{ 20|dots }},{{ width|dots }},B,0^FS
{%- endfor %}
{%- endfor %}
{%- endmacro %}

{%- macro band(each) %}
^FO{{ each.x|dots }},{{ each.y|dots }}^GB{{ each.width|dots }},{{ each.height|dots }},{{ each.height|dots }},B,0^FS
{%- endmacro %}

{%- macro text(line, aside=0) %}
^FO{{ (line.x|dots) + aside }},{{ line.y|dots }}^A0N,{{ line.type|dots }},{{ line.type|dots }}
{%- if line.centred %}^FB{{ line.width|dots }},1,0,C,0{% endif %}
{%- if line.band %}^FR{% endif %}^FH_^FD{{ line.text|field_data(line.centred) }}^FS
{%- endmacro %}

{%- macro code(each) %}
{%- if each.how in ("datamatrix", "gs1") %}
^FO{{ each.x|dots }},{{ each.y|dots }}^BXN,{{ each.module }},200,,,,|,1^FH_^FD{{ each|field }}^FS
{%- else %}
^FO{{ each.x|dots }},{{ each.y|dots }}^BY{{ each.module }},3,{{ each.height|dots }}^BCN,{{ each.height|dots }},N,N,N,{{ "A" if each.how == "code128" else "N" }}^FH_^FD{{ each|field }}^FS
{%- endif %}
{%- endmacro %}
